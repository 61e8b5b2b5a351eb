"""Our modules have every name that the peers' modules have, what these only import included.

The peers' names are asked for in a process without the drop-in, ours in one with it.
"""

from __future__ import annotations

import json

import pytest
from dropin_process import RunPython

#: Prints name → `dir()` of every module of the packages, as the installed packages have them.
LIST = """
import importlib, json, pkgutil, sys, warnings
warnings.simplefilter("ignore")
names = {}
for package_name in sys.argv[1:]:
    package = importlib.import_module(package_name)
    names[package_name] = dir(package)
    for module in pkgutil.walk_packages(package.__path__, package_name + "."):
        if ".test." in module.name or module.name.endswith(("__main__", ".test", "windows")):
            continue
        try:
            names[module.name] = dir(importlib.import_module(module.name))
        except ImportError:
            pass  # it needs a package that is not here
print(json.dumps(names))
"""
#: Prints module → names that it lacks under the drop-in.
COMPARE = """
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
import waterspout.dropin; waterspout.dropin.install()
missing = {}
for module_name, names in json.load(open(sys.argv[1])).items():
    module = importlib.import_module(module_name)
    lacking = [name for name in names if not hasattr(module, name)]
    if lacking:
        missing[module_name] = lacking
print(json.dumps(missing))
"""

_STEP = "a step of the peer's own code; ours does not have the step"
_TEMPLATE = "Tornado's own template compiler; ours has other parts"
_DEFLATE = "Tornado's own compression of messages; ours is in `waterspout.websockets`"
#: Names that our modules do not have → why.
LEFT_OUT = {
    "flask.cli": {"_called_with_wrong_args": _STEP, "_path_is_ancestor": _STEP},
    "tornado.auth": dict.fromkeys(
        ["_oauth10a_signature", "_oauth_escape", "_oauth_parse_response", "_oauth_signature"], _STEP
    ),
    "tornado.autoreload": dict.fromkeys(
        ["_USAGE", "_autoreload_is_main", "_has_execv", "_original_argv", "_original_spec"], _STEP
    ),
    "tornado.escape": dict.fromkeys(
        ["_PERCENT_EQUALS_SWAP", "_TO_UNICODE_TYPES", "_URL_RE", "_UTF8_TYPES"], _STEP
    ),
    "tornado.httpserver": dict.fromkeys(["_HTTPRequestContext", "_ProxyAdapter"], _STEP),
    "tornado.httputil": dict.fromkeys(
        [
            *("_ABNF", "_int_or_none", "_netloc_re", "_parseparam", "_unquote_replace"),
            *("_unquote_sub", "doctests"),
        ],
        _STEP,
    ),
    "tornado.log": {"_safe_unicode": _STEP, "colorama": "None where colorama is not installed"},
    "tornado.template": dict.fromkeys(
        [
            *("_ApplyBlock", "_ChunkList", "_CodeWriter", "_ControlBlock", "_DEFAULT_AUTOESCAPE"),
            *("_Expression", "_ExtendsBlock", "_File", "_IncludeBlock", "_Module", "_NamedBlock"),
            *("_IntermediateControlBlock", "_Node", "_Statement", "_TemplateReader", "_Text"),
            *("_UNSET", "_UnsetMarker", "_format_code", "_parse"),
        ],
        _TEMPLATE,
    ),
    "tornado.testing": dict.fromkeys(["_ExcInfoTuple", "_NON_OWNED_IOLOOPS"], _STEP),
    "tornado.util": dict.fromkeys(
        ["_alphanum", "_re_unescape_pattern", "_re_unescape_replacement", "doctests"], _STEP
    ),
    "tornado.web": dict.fromkeys(
        [
            *("_CookieSecretTypes", "_RequestHandlerType", "_is_protocol_relative"),
            *("_normalize_url_like_browser", "_signed_value_version_re"),
        ],
        _STEP,
    ),
    "tornado.websocket": {
        **dict.fromkeys(
            [
                *("_Compressor", "_DecompressTooLargeError", "_Decompressor"),
                *("_PerMessageDeflateCompressor", "_PerMessageDeflateDecompressor"),
            ],
            _DEFLATE,
        ),
        **dict.fromkeys(
            [
                *("_FRAME_YIELD_COST", "_WebSocketDelegate", "_YIELD_THRESHOLD"),
                *("_raise_not_supported_for_websockets", "de_dupe_gen_log"),
            ],
            _STEP,
        ),
    },
}


@pytest.mark.parametrize("package", ["flask", "werkzeug", "tornado"])
def test_every_name_of_the_peers_modules(
    run_python: RunPython, package: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`dir()` of each module of the installed package, against what the drop-in answers."""
    modules = [package, "flask.sansio"] if package == "flask" else [package]
    listed = run_python("-c", LIST, *modules)
    assert listed.returncode == 0, listed.stderr
    assert len(json.loads(listed.stdout)) > 20
    file = tmp_path_factory.mktemp("names") / "names.json"
    file.write_text(listed.stdout)
    compared = run_python("-c", COMPARE, str(file))
    assert compared.returncode == 0, compared.stderr
    missing = {name: set(names) for name, names in json.loads(compared.stdout).items()}
    expected = {name: set(why) for name, why in LEFT_OUT.items() if name.startswith(package)}
    assert missing == expected
