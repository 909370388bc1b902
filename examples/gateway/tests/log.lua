-- wrk's script: each thread logs every answer that it gets, in a file of its own.
--
--   wrk -s log.lua URL -- CLIENT CLOSE FOLDER
--
-- A line is: status, the clock when the request was written and when the answer had been read,
-- in microseconds of CLOCK_BOOTTIME, and the headers granted-at, worker and retry-after, or "-".
-- With as many connections as threads each thread has one, so requests and answers alternate.

local ffi = require("ffi")
ffi.cdef [[
    typedef struct { long seconds; long nanos; } instant;
    int clock_gettime(int clock, instant *now);
]]
local CLOCK_BOOTTIME = 7
local now = ffi.new("instant")

local function micros()
    ffi.C.clock_gettime(CLOCK_BOOTTIME, now)
    return tonumber(now.seconds) * 1000000 + math.floor(tonumber(now.nanos) / 1000)
end

local threads = 0

function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

function init(arguments)
    local client, close, folder = arguments[1], arguments[2], arguments[3]
    wrk.headers["client"] = client
    if close == "close" then
        wrk.headers["connection"] = "close"
    end
    log = io.open(string.format("%s/%s.%d", folder, client, id or -1), "w")
    -- What is read while this runs, or after it was stopped, is whole lines.
    log:setvbuf("line")
end

-- Milliseconds between requests, so that the load is bounded.
function delay()
    return 1
end

function request()
    sent = micros()
    return wrk.format()
end

function response(status, headers)
    local received = micros()
    local function header(name)
        return headers[name] or "-"
    end
    log:write(string.format("%d %.0f %.0f %s %s %s\n", status, sent, received,
        header("granted-at"), header("worker"), header("retry-after")))
end
