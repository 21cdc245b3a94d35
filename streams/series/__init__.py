"""The time series: readings and stage timings, for charts and response metrics.

`port` is the interface, `influx` and `embedded` hold it.
"""
