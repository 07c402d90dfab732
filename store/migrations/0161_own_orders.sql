-- A member's own orders and licences are found by the address they were bought with.
CREATE INDEX lynk_order_by_address ON lynk_order (lower(email));
CREATE INDEX lynk_webhook_by_address ON lynk_webhook (lower(email));
