"""Whether a series grows, how fast, how surely, and when it reaches its limit."""

from fleet_collector.trends.model import Trend
from fleet_collector.trends.verdict import analyse

__all__ = ["Trend", "analyse"]
