"""WooCommerce: what a store sends, and its REST API as hosts really serve it."""
