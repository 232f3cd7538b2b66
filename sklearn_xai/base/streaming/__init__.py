"""``transform_to``: tables that do not fit into memory, from Parquet to Parquet, in parts that outlive a crash."""

from __future__ import annotations

from sklearn_xai.base.streaming.transform_to import StreamedAttributions, StreamsTables

__all__ = ["StreamedAttributions", "StreamsTables"]
