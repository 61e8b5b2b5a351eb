"""`flask.typing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..peers.imported_names import imported_names
from ..typing import AfterRequestCallable as AfterRequestCallable
from ..typing import AppOrBlueprintKey as AppOrBlueprintKey
from ..typing import BeforeFirstRequestCallable as BeforeFirstRequestCallable
from ..typing import BeforeRequestCallable as BeforeRequestCallable
from ..typing import ErrorHandlerCallable as ErrorHandlerCallable
from ..typing import HeadersValue as HeadersValue
from ..typing import HeaderValue as HeaderValue
from ..typing import ResponseClass as ResponseClass
from ..typing import ResponseReturnValue as ResponseReturnValue
from ..typing import ResponseValue as ResponseValue
from ..typing import RouteCallable as RouteCallable
from ..typing import ShellContextProcessorCallable as ShellContextProcessorCallable
from ..typing import TeardownCallable as TeardownCallable
from ..typing import TemplateContextProcessorCallable as TemplateContextProcessorCallable
from ..typing import TemplateFilterCallable as TemplateFilterCallable
from ..typing import TemplateGlobalCallable as TemplateGlobalCallable
from ..typing import TemplateTestCallable as TemplateTestCallable
from ..typing import URLDefaultCallable as URLDefaultCallable
from ..typing import URLValuePreprocessorCallable as URLValuePreprocessorCallable

if not TYPE_CHECKING:  # what Flask's module has by its imports
    __getattr__ = imported_names(
        "flask.typing",
        __package__,
        """
        import collections.abc as cabc, typing as t
        """,
    )
