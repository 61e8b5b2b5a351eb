-- Like wrk.lua, but asks for the paths of a file, one after the other.

dofile(debug.getinfo(1, "S").source:sub(2):gsub("many.lua$", "wrk.lua"))

local requests = {}
local turn = 0

function init(args)
  for path in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", path)
  end
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end
