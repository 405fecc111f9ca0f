"""A WooCommerce store: what it sends, and its REST API with the differences between hosts."""
