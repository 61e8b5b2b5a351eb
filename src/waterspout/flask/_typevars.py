"""The type variables that Flask's modules define, for programs that import them from there."""

from __future__ import annotations

from typing import TypeVar

from .. import typing as ft
from ..application.scaffold import F as F
from ..application.scaffold import T_after_request as T_after_request
from ..application.scaffold import T_before_request as T_before_request
from ..application.scaffold import T_error_handler as T_error_handler
from ..application.scaffold import T_route as T_route
from ..application.scaffold import T_teardown as T_teardown
from ..application.scaffold import T_template_context_processor as T_template_context_processor
from ..application.scaffold import T_url_defaults as T_url_defaults
from ..application.scaffold import T_url_value_preprocessor as T_url_value_preprocessor

T = TypeVar("T")
T_shell_context_processor = TypeVar(
    "T_shell_context_processor", bound=ft.ShellContextProcessorCallable
)
T_template_filter = TypeVar("T_template_filter", bound=ft.TemplateFilterCallable)
T_template_global = TypeVar("T_template_global", bound=ft.TemplateGlobalCallable)
T_template_test = TypeVar("T_template_test", bound=ft.TemplateTestCallable)
