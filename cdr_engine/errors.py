"""
Every error the engine raises, split by whose fault it is.

```
CdrError                     exit 1
├── UsageError               exit 2   what was asked for cannot be done as asked (a ValueError)
│   └── RequestError                  a report request that breaks a rule of the reference page
├── ConfigError              exit 3   settings or secrets are missing or do not fit
│   └── AuthError                     the service does not accept the token
├── ApiError                 exit 4   the service, or the way to it
│   ├── ServiceUnreachable            no connection, or it broke before an answer
│   ├── ServiceRefused                a status that is not success; `.status`, `.retry_after_s`
│   ├── NotAReport                    a 200 that is not this report: HTML, JSON, another header
│   ├── EmptyReport                   a 200 or 204 with no bytes at all, not even a header
│   └── IncompleteReport              the body ended, or stalled, before its framing said so
├── PartialExport            exit 5   some windows failed; what was committed stays
├── DataError                exit 1   bytes that cannot be read as the report (a ValueError)
│   ├── HeaderError                   no header line with the columns the engine needs
│   └── SchemaError                   a header names columns that the contract does not allow
├── DatasetError             exit 1   the folder
│   ├── DatasetLocked        exit 7   another writer holds it
│   ├── DamagedDataset       exit 6   verify found files that are not what they claim
│   └── CommitError                   a data file could not be written or read back
└── ViewError                exit 2   a view or a query that DuckDB refuses
```

A message is one line: what, where, what to do. It never holds a body, a token or a phone number.
"""

from __future__ import annotations

__all__ = [
    "ApiError",
    "AuthError",
    "CdrError",
    "CommitError",
    "ConfigError",
    "DamagedDataset",
    "DataError",
    "DatasetError",
    "DatasetLocked",
    "EmptyReport",
    "HeaderError",
    "IncompleteReport",
    "NotAReport",
    "PartialExport",
    "RequestError",
    "SchemaError",
    "ServiceRefused",
    "ServiceUnreachable",
    "UsageError",
    "ViewError",
]


class CdrError(Exception):
    """Base of every error the engine raises; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(CdrError, ValueError):
    """What was asked for cannot be done as asked."""

    exit_code = 2


class RequestError(UsageError):
    """A report request breaks a rule of the reference page; nothing was sent."""


class ConfigError(CdrError):
    """Settings or secrets are missing or do not fit."""

    exit_code = 3


class AuthError(ConfigError):
    """The service does not accept the token."""


class ApiError(CdrError):
    """The report service, or the way to it, failed."""

    exit_code = 4


class ServiceUnreachable(ApiError):
    """No connection could be made, or it broke before an answer came."""


class ServiceRefused(ApiError):
    """The service answered with a status that is not success."""

    def __init__(self, message: str, *, status: int, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class NotAReport(ApiError):
    """A successful answer holds something else than this report."""


class EmptyReport(ApiError):
    """A successful answer has no bytes at all, not even a header line."""


class IncompleteReport(ApiError):
    """The body ended or stalled before its framing said that it was complete."""


class PartialExport(CdrError):
    """Some windows failed; what was committed stays, and a rerun fetches the rest."""

    exit_code = 5

    def __init__(self, message: str, summary: object = None) -> None:
        super().__init__(message)
        self.summary = summary
        """The `ExportSummary` of the run."""


class DataError(CdrError, ValueError):
    """Bytes that cannot be read as the report."""


class HeaderError(DataError):
    """No header line names the columns that the engine needs."""


class SchemaError(DataError):
    """A header line names columns that the contract does not allow."""


class DatasetError(CdrError):
    """The dataset folder."""


class DatasetLocked(DatasetError):
    """Another process writes to the dataset."""

    exit_code = 7


class DamagedDataset(DatasetError):
    """Files of the dataset are not what their footers claim."""

    exit_code = 6


class CommitError(DatasetError):
    """A data file could not be written, synced or read back; nothing was committed."""


class ViewError(CdrError):
    """A view or a query that DuckDB refuses."""

    exit_code = 2
