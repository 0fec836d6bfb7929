"""Whether the environment asks for traces, in OpenTelemetry's own variables."""

from __future__ import annotations

import os
from collections.abc import Mapping

from askcli.errors import Misused

_OTLP = "OTEL_EXPORTER_OTLP"


def are_traces_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether spans are to be recorded and sent. Raises Misused where they cannot be sent so."""

    def value(*names: str) -> str:
        """Return that of the first that is set; an empty one is not."""
        return next((text for name in names if (text := environment.get(name, "").strip())), "")

    exporter = value("OTEL_TRACES_EXPORTER").lower()
    if value("OTEL_SDK_DISABLED").lower() == "true" or exporter == "none":
        return False
    if not exporter and not value(f"{_OTLP}_TRACES_ENDPOINT", f"{_OTLP}_ENDPOINT"):
        return False
    if exporter not in ("", "otlp"):
        raise Misused(f"OTEL_TRACES_EXPORTER is otlp or none, not {exporter}.")
    protocol = value(f"{_OTLP}_TRACES_PROTOCOL", f"{_OTLP}_PROTOCOL").lower()
    if protocol not in ("", "http/protobuf"):
        raise Misused(
            f"traces are sent as http/protobuf (port 4318), not {protocol}: set "
            f"{_OTLP}_TRACES_PROTOCOL=http/protobuf and {_OTLP}_TRACES_ENDPOINT."
        )
    return True
