-- Like wrk.lua, but asks for the paths of a file, one after the other; behind a path and a tab
-- stands the Cookie field of its request, if it has one.

dofile(debug.getinfo(1, "S").source:sub(2):gsub("many.lua$", "wrk.lua"))

local requests = {}
local turn = 0

function init(args)
  for path in io.lines(args[1]) do
    local where, cookie = path:match("^([^\t]*)\t?(.*)$")
    local headers = cookie ~= "" and { Cookie = cookie } or nil
    requests[#requests + 1] = wrk.format("GET", where, headers)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
