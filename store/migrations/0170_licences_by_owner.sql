-- Whether a member owns a product is asked for every page of a site that sells it.
CREATE INDEX lynk_webhook_by_owner ON lynk_webhook (lower(email), produk_digital);
