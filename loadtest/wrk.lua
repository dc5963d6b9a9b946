-- What wrk sends and how it reports. `wrk -s wrk.lua URL -- MODE`; only run.py calls it.
--   get       the same GET again and again
--   browser   the same with the header fields of a browser that is logged in
--   pipeline  sixteen GETs in one write
--   upload    a POST of 1 MiB with Content-Length
-- No request() and no response() here: wrk would call them for every request and be the slower for it.

local browser = {
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    ["Accept-Language"] = "en-US,en;q=0.5",
    ["Accept-Encoding"] = "gzip, deflate, br, zstd",
    ["Connection"] = "keep-alive",
    ["Referer"] = "http://127.0.0.1/",
    ["Cookie"] = "csrftoken=q7Jx0yYb3m5vKc2TgHs8RzWnLd4PfAeU; sessionid=k2v9c4x1z8m5n7b3q6w0e4r8t1y5u2i7",
}

function init(args)
    if args[1] == "upload" then
        wrk.method = "POST"
        wrk.body = string.rep("x", 1048576)
        wrk.headers["Content-Type"] = "application/octet-stream"
    elseif args[1] == "browser" then
        for name, value in pairs(browser) do
            wrk.headers[name] = value
        end
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
