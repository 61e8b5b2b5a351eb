-- What wrk sends and what it prints, for bench/load.py.
--   wrk -s wrk.lua URL -- METHOD BODY HEADER=VALUE ...   one request, over and over
--   wrk -s many.lua URL -- FILE                           the paths of FILE in turn
-- At the end one line "BENCH requests microseconds errors p50 p99" (times in microseconds).

function init(args)
  wrk.method = args[1]
  if args[2] ~= "" then wrk.body = args[2] end
  for n = 3, #args do
    local name, value = args[n]:match("^([^=]+)=(.*)$")
    wrk.headers[name] = value
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("BENCH %d %d %d %d %d\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
