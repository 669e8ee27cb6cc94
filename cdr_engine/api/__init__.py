"""
Stage 1, the report service: a request in, body chunks out.

The only place that imports httpx; none of its exceptions or types leaves this folder.
"""

from __future__ import annotations

from cdr_engine.api.body import ReportBody
from cdr_engine.api.credentials import EngageLogin, RingCentralApp, token_source
from cdr_engine.api.framing import Proof
from cdr_engine.api.request import Delimiter, GroupBy, ReportRequest
from cdr_engine.api.service import ReportService
from cdr_engine.api.tokens import ApiToken, StaticToken, TokenSource
from cdr_engine.api.wire import Account, Group, GroupMember, User

__all__ = [
    "Account",
    "ApiToken",
    "Delimiter",
    "EngageLogin",
    "Group",
    "GroupBy",
    "GroupMember",
    "Proof",
    "ReportBody",
    "ReportRequest",
    "ReportService",
    "RingCentralApp",
    "StaticToken",
    "TokenSource",
    "User",
    "token_source",
]
