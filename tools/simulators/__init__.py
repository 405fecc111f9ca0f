"""A simulated HubSpot and a simulated WooCommerce store, over HTTP or in process."""
