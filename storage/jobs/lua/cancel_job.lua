-- Cancel the job. Returns 1, or 0 when it had ended before.
if not is_open() then
  return 0
end
finalize('canceled', '')
return 1
