-- What wrk sends and how it reports. `wrk -s wrk.lua URL -- MODE`; only run.py calls it.
--   get       the same GET again and again
--   pipeline  sixteen GETs in one write
--   upload    a POST of 1 MiB with Content-Length
-- No request() and no response() here: wrk would call them for every request and be the slower for it.

function init(args)
    if args[1] == "upload" then
        wrk.method = "POST"
        wrk.body = string.rep("x", 1048576)
        wrk.headers["Content-Type"] = "application/octet-stream"
    elseif args[1] == "pipeline" then
        local sixteen = string.rep(wrk.format(), 16)
        wrk.format = function() return sixteen end
    end
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        'report {"requests":%d,"bytes":%d,"duration_us":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,' ..
        '"p50":%g,"p90":%g,"p99":%g,"p999":%g}\n',
        summary.requests, summary.bytes, summary.duration,
        errors.connect, errors.read, errors.write, errors.timeout, errors.status,
        latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9)))
end
