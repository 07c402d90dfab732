"""Payments of Lynk.id: the webhook's deliveries, and the orders and licences they become."""
