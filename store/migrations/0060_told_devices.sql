-- Whether a device is its member's by what a browser was told of it alone (store/lua/hotspot_bind.lua).
ALTER TABLE hotspot_device ADD COLUMN told boolean NOT NULL DEFAULT false;
