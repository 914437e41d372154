-- Asks Lookup's gate about the parameter "number" of a request. Sets txn.decided, the digits of the decided number, if the call is
-- permitted; txn.verdict to "forbidden" and txn.reason if it is not; nothing if the gate does not decide, so that every error,
-- a timeout and a service that is away keep the call back.

local GATE = "http://127.0.0.1:7501/v1/gate"
local LIMIT_MS = 300

local function seconds(now)
    return now.sec + now.usec / 1e6
end

-- url_param would end a value at ";" too.
local function parameter(query, name)
    return ("&" .. query .. "&"):match("&" .. name .. "=(.-)&") or ""
end

core.register_action("may_call", { "http-req" }, function(txn)
    local sent = seconds(core.now())
    local client = core.httpclient()
    -- Nothing of the caller's request but the number: a header of his must not describe the call.
    local answer = client:get {
        url = GATE,
        timeout = LIMIT_MS,
        headers = {
            ["lookup-number"] = { parameter(txn.sf:query(), "number") },
            ["lookup-default-region"] = { "NL" },
            ["lookup-organisation"] = { "acme" },
            ["lookup-purpose"] = { "PURPOSE_COMMERCIAL" },
            ["lookup-dialling-mode"] = { "DIALLING_MODE_PREDICTIVE" },
            -- ["authorization"] = { "Bearer lk_haproxy_..." },
        },
    }
    local function header(name)
        local values = answer.headers and answer.headers[name]
        return values and values[0] or ""
    end

    if answer.status == 403 then
        txn:set_var("txn.verdict", "forbidden")
        txn:set_var("txn.reason", header("lookup-reason"))
    elseif answer.status == 200 then
        local digits = header("lookup-number"):match("^%+(%d+)$")
        -- An ALLOW permits the call for so many seconds since before the question was sent.
        local reusable = tonumber(header("lookup-reusable-for"):match("^[%d.]+") or "0") or 0
        if digits and seconds(core.now()) - sent < reusable then
            txn:set_var("txn.decided", digits)
        end
    end
end, 0)
