-- What the licence scripts share: whether who asks is the holder (store.payments.licences.Licence
-- says the same of a licence that was only looked at).
local function is_holder(instance, device, policy, named, shown)
  if named == instance then return true end
  local is_same = shown ~= '' and shown == device
  if named == '' then return is_same end
  return is_same and policy == 'first_wins' and string.sub(shown, 1, 5) ~= 'name:'
end
