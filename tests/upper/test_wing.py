"""The thin modules of the Flask wing offer what Flask's modules of that name offer."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from typing import Any

import pytest

import waterspout.typing

MODULES = {
    "templating": "DispatchingJinjaLoader Environment _default_template_ctx_processor"
    " render_template render_template_string stream_template stream_template_string",
    "helpers": "get_debug_flag get_load_dotenv stream_with_context make_response url_for redirect"
    " abort get_template_attribute flash get_flashed_messages send_file send_from_directory"
    " get_root_path _split_blueprint_path",
    "debughelpers": "UnexpectedUnicodeError DebugFilesKeyError FormDataRoutingRedirect"
    " attach_enctype_error_multidict explain_template_loading_attempts",
    "globals": "_cv_app _cv_request _no_app_msg _no_req_msg app_ctx current_app g request"
    " request_ctx session",
    "ctx": "_AppCtxGlobals AppContext RequestContext after_this_request"
    " copy_current_request_context has_request_context has_app_context",
    "typing": "ResponseValue HeaderValue HeadersValue ResponseReturnValue ResponseClass"
    " AppOrBlueprintKey AfterRequestCallable BeforeFirstRequestCallable BeforeRequestCallable"
    " ShellContextProcessorCallable TeardownCallable TemplateContextProcessorCallable"
    " TemplateFilterCallable TemplateGlobalCallable TemplateTestCallable URLDefaultCallable"
    " URLValuePreprocessorCallable ErrorHandlerCallable RouteCallable",
    "wrappers": "Request Response",
    "testing": "EnvironBuilder FlaskClient FlaskCliRunner",
}


def load(package: str, module: str) -> Any:
    return importlib.import_module(f"{package}.{module}")


@pytest.mark.parametrize("module", MODULES)
def test_the_names_are_there(module: str) -> None:
    ours = load("waterspout.flask", module)
    assert [name for name in MODULES[module].split() if not hasattr(ours, name)] == []


@pytest.mark.parametrize("module", ["templating", "helpers", "debughelpers", "ctx"])
def test_functions_take_what_flasks_take(module: str) -> None:
    """Names, order, kinds and defaults of parameters, compared with the installed Flask's."""
    theirs = load("flask", module)
    ours = load("waterspout.flask", module)
    for name in MODULES[module].split():
        expected, found = getattr(theirs, name), getattr(ours, name)
        if inspect.isfunction(expected) and not name.startswith("_"):
            assert shape(found) == shape(expected), name


def shape(function: Any) -> list[tuple[str, Any, Any]]:
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in parameters]


def test_every_type_of_flasks_is_ours_too() -> None:
    theirs = {
        name for name in vars(load("flask", "typing")) if name[0].isupper() and name != "TYPE"
    }
    assert theirs - set(vars(waterspout.typing)) == set()


def test_blueprint_names_are_split_outwards() -> None:
    assert load("waterspout.flask", "helpers")._split_blueprint_path("a.b.c") == [
        *("a.b.c", "a.b", "a"),
    ]


def test_jinja_is_loaded_only_for_templates() -> None:
    code = (
        "import sys, waterspout; from waterspout import App;"
        "app = App('x'); app.test_client; loaded = 'jinja2' in sys.modules;"
        "waterspout.render_template; assert 'jinja2' in sys.modules; sys.exit(loaded)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
