"""`hand-pose-25d evaluate PROTOCOL`: repeat a table of figures.

Protocols of the paper's datasets (rhp, shp, dexter_object, ego_dexter, mpii_nzsl, mvbs, freihand)
print the paper's table with our rows beside it; the others are ours, see docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import importlib
from types import ModuleType

PROTOCOL_MODULES: dict[str, tuple[str, str]] = {
    "rhp": ("paper.dataset_command", "Rendered Hand Pose"),
    "shp": ("paper.dataset_command", "Stereo Hand Pose"),
    "dexter_object": ("paper.dataset_command", "Dexter+Object, absolute fingertips"),
    "ego_dexter": ("paper.dataset_command", "EgoDexter, absolute fingertips"),
    "mpii_nzsl": ("paper.dataset_command", "MPII+NZSL hands, 2D and PCKh"),
    "mvbs": ("paper.dataset_command", "multi-view bootstrapping, 2D"),
    "freihand": ("paper.dataset_command", "FreiHAND"),
    "normalization": ("paper.normalization", "the ablation over the normalisation bone, Fig. 7"),
    "geometry": ("project.geometry", "reconstruction from noisy 2.5D poses"),
    "depth": ("project.depth", "with a depth camera, in rendered images"),
    "populations": ("project.population_errors", "the same, where only a population is known"),
    "crops": ("project.crops", "the network on rendered crops"),
    "boxes": ("project.boxes", "hands whose boxes are given, in rendered scenes"),
    "photos": ("project.photos", "the network on photographs"),
    "pose_score": ("project.pose_score", "whether the pose score knows wrong poses"),
    "evidence": ("project.evidence", "the rule by which a single image shows a hand"),
    "bones": ("project.bones", "depths in photographs, by how alike a person's bones are"),
    "ablation": ("/training.ablation", "the network with parts taken away"),
    "detection": ("project.detection", "the detector"),
    "people": ("project.people", "detector and chain on photographs of people"),
    "tracking": ("project.tracking", "the tracker on clips"),
    "motion": ("project.motion", "filtering and smoothing of hands in motion"),
}
"""Protocol -> its module in this package (after a slash: in the workshop), and a line of help."""


def module_of(protocol: str) -> ModuleType:
    """Import the module of a protocol."""
    module, _ = PROTOCOL_MODULES[protocol]
    package = "hand_pose_25d_train"
    if not module.startswith("/"):
        package += ".evaluation"
    return importlib.import_module(f"{package}.{module.lstrip('/')}")


class _ProtocolParser(argparse.ArgumentParser):
    """Loads its protocol's module, and with it the options, when it is first used."""

    def parse_known_args(self, args=None, namespace=None):
        """Add the options, then parse as usual."""
        protocol = self.prog.rsplit(maxsplit=1)[-1]
        if not self.get_default("loaded"):
            self.set_defaults(loaded=True)
            try:
                module = module_of(protocol)
            except ModuleNotFoundError as error:
                if error.name is None or error.name.startswith("hand_pose_25d"):
                    raise
                self.error(f"{error.name} is missing; try: pip install 'hand-pose-25d[train]'")
            self.description = module.__doc__
            module.add_arguments(self)
        return super().parse_known_args(args, namespace)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the protocols."""
    subparsers = parser.add_subparsers(
        dest="protocol", metavar="PROTOCOL", required=True, parser_class=_ProtocolParser
    )
    for name, (_, text) in PROTOCOL_MODULES.items():
        subparsers.add_parser(
            name, help=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )


def run(args: argparse.Namespace) -> int:
    """Run the protocol's own command."""
    return int(module_of(args.protocol).run(args) or 0)
