"""Overlays of the mapping: a custom status, and another field."""

PICKUP = 'stages.on_hold.statuses = ["awaiting-pickup"]\n'
PAID = """
[deal]
woocommerce_payment_method = { order = "payment_method_title" }

[create.deal.woocommerce_payment_method]
label       = "WooCommerce payment method"
type        = "string"
fieldType   = "text"
description = "How the order was paid, in the words of the store."
"""
