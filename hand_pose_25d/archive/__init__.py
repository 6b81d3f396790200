"""Recordings in, hands as Parquet out: the work behind `hand-pose-25d process`.

A recording (a video, a folder of images, a bag, an episode of a LeRobot data set) is one unit of
work: `units` finds them, `open_unit` reads them, `process` tracks one from its start to its end,
`pool` shares them out to processes and `ray_pool` to a Ray cluster.
"""
