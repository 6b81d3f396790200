"""Render labelled images and clips of hands.

    hand-pose-25d render --mode crops --count 2000 --out renders/crops --backgrounds photos/
    hand-pose-25d render --contact-sheet sheet.jpg
    hand-pose-25d render --mode crops --size 160 --benchmark

Without folders, skins and backgrounds are procedural.  A run that was stopped goes on where it
was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

_MODES = ("crops", "scenes", "clips")
_SHARES = {
    "pairs": "hands that another one touches: clasped, held, on top",
    "gloves": "hands in gloves of latex, wool, leather or for work",
    "far": "pictures of people 2 to 6 m away, whose hands are some 16 to 50 pixels large",
    "motion_blur": "pictures in which hands or the camera move while the shutter is open",
    "utensils": "pictures whose hands use cutlery, a tool, a pen or a phone",
    "dim": "pictures taken in dim rooms: dark, with much noise",
}
"""What RenderShares says, for who asks for help."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's arguments."""
    parser.add_argument("--mode", choices=_MODES, default="crops")
    parser.add_argument("--out", type=Path, help="folder of the shards (clips: of the videos)")
    parser.add_argument("--count", type=int, default=1000, help="images (clips: clips)")
    parser.add_argument("--limit", type=int, help="write only the first LIMIT of --count for now")
    parser.add_argument("--seed", type=int, default=0, help="the first sample's seed")
    parser.add_argument(
        "--size", type=int, help="side of a crop (224), or height of a 4:3 scene (480)"
    )
    parser.add_argument("--bodies", default="0:600", help="range of body seeds, FIRST:END")
    for name, what in _SHARES.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=float,
            default=0.0,
            metavar="SHARE",
            help=f"share of the {what} (default 0)",
        )
    parser.add_argument("--skins", type=Path, help="folder of skin textures in MakeHuman's layout")
    parser.add_argument("--backgrounds", type=Path, help="folder of photographs")
    parser.add_argument("--objects", type=Path, help="folder of cut-out pictures (PNG with alpha)")
    parser.add_argument(
        "--holdout",
        choices=("without", "only"),
        help="leave out, or take only, every fifth skin and every tenth background",
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes (default 1; 0: one a core)"
    )
    parser.add_argument("--shard", type=int, default=500, help="images a shard")
    parser.add_argument(
        "--benchmark", action="store_true", help="print images a second of one process"
    )
    parser.add_argument(
        "--contact-sheet",
        type=Path,
        metavar="FILE",
        help="write 64 samples as one picture, with keypoints on half",
    )
    parser.add_argument(
        "--demo",
        action="store_true",
        help="clips: write the package's own scripted clip, hands.mp4 and hands.json",
    )
    parser.add_argument(
        "--prior", type=Path, metavar="FILE", help="write the population's bone lengths as YAML"
    )


def run(args: argparse.Namespace) -> int:
    """Run the command."""
    job = make_job(args)
    if args.prior:
        from hand_pose_25d_train.render.prior import write_prior

        prior = write_prior(range(*job.bodies), args.prior)
        print(
            f"wrote {args.prior}: flat hands of {prior.hand_length * 1000:.0f} mm "
            f"+- {prior.hand_length_deviation * 1000:.0f} mm"
        )
        return 0
    if args.benchmark:
        from hand_pose_25d_train.render.bulk import benchmark

        rates = benchmark(job)
        print(
            f"{job.mode}, {job.size[0]} x {job.size[1]}, one process: {rates.wall:.1f} images/s, "
            f"{rates.first:.1f} a second of processor time, every body and photograph seen for "
            f"the first time; a second of processor time: {rates.memory:.1f} of the same again, "
            f"from memory, {rates.run:.1f} further on in a run"
        )
        return 0
    if args.contact_sheet:
        from hand_pose_25d_train.render.sheet import render_sheet

        render_sheet(job, args.contact_sheet)
        print(f"wrote {args.contact_sheet}")
        return 0
    if args.out is None:
        raise ValueError("name the folder to write to with --out")
    return _clips(job, args) if job.mode == "clips" else _shards(job, args)


def make_job(args: argparse.Namespace):
    """Turn arguments into a job."""
    from hand_pose_25d_train.render.body.skins import list_skins
    from hand_pose_25d_train.render.bulk import Job

    if args.count < 1 or args.shard < 1:
        raise ValueError(
            f"--count and --shard must be at least 1, got {args.count} and {args.shard}"
        )
    try:
        first, end = (int(x) for x in args.bodies.split(":"))
    except ValueError:
        raise ValueError(f"--bodies is FIRST:END, e.g. 0:600, not {args.bodies!r}") from None
    if not 0 <= first < end:
        raise ValueError(f"--bodies {args.bodies}: the range is empty")
    if args.mode == "crops":
        size = (args.size or 224,) * 2
    else:
        height = args.size or 480
        size = (round(height * 4 / 3), height)
    if not 32 <= size[1] <= 2048:
        raise ValueError(f"--size must lie in 32..2048, got {size[1]}")
    return Job(
        mode=args.mode,
        size=size,
        count=args.count,
        first_seed=args.seed,
        bodies=(first, end),
        skins=held_out_part(list_skins(args.skins), 5, args.holdout),
        backgrounds=held_out_part(list_skins(args.backgrounds), 10, args.holdout),
        objects=tuple(str(f) for f in list_skins(args.objects)),
        shard=args.shard,
        **{name: getattr(args, name) for name in _SHARES},
    )


def held_out_part(files: list[Path], every: int, holdout: str | None) -> tuple[str, ...]:
    """Every n-th file is held out: leave it out, or take nothing else."""
    chosen = [
        str(f)
        for i, f in enumerate(files)
        if holdout is None or (i % every == every - 1) == (holdout == "only")
    ]
    if files and not chosen:
        raise ValueError(
            f"--holdout {holdout} leaves none of {len(files)} files in {files[0].parent}"
        )
    return tuple(chosen)


def _shards(job, args: argparse.Namespace) -> int:
    from hand_pose_25d_train.render.bulk import default_workers
    from hand_pose_25d_train.render.bulk import run as run_job

    workers = args.workers or default_workers()
    total = min(job.count, args.limit or job.count)
    done = sum(
        len(job.seeds(n))
        for n in range(job.shards)
        if (args.out / f"shard-{n:05d}.npz").exists() and n * job.shard < total
    )
    with tqdm(total=total, initial=done, unit="image", smoothing=0.05) as bar:
        try:
            for count in run_job(job, args.out, workers, args.limit):
                bar.update(count)
        except Exception:
            bar.leave = bar.n > done  # where nothing was rendered the error stands alone
            raise
    return 0


def _clips(job, args: argparse.Namespace) -> int:
    from hand_pose_25d_train.render.bulk import open_painter
    from hand_pose_25d_train.render.demo import demo_plan
    from hand_pose_25d_train.render.scene.clips import sample_plan, write_clip

    painter = open_painter(job)
    names = ["hands.mp4"] if args.demo else [f"clip-{n:03d}.mp4" for n in range(job.count)]
    for number, name in enumerate(names):
        path = args.out / name
        if path.exists():
            continue
        seed = job.first_seed + number
        plan = demo_plan(painter) if args.demo else sample_plan(painter, seed, job.size)
        with tqdm(total=plan.frames, unit="frame", desc=path.name) as bar:
            write_clip(painter, plan, path, bar.update)
    return 0
