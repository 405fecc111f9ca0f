"""WooCommerce to HubSpot: the product behind the Lambda functions and the command line."""
