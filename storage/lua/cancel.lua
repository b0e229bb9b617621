-- Stop a job. Answers 1, or 0 when it had ended before.
if not is_open() then
  return 0
end
close('canceled', '')
return 1
