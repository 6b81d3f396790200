"""The figures of the paper's tables, to be printed beside ours: Iqbal et al., ECCV 2018.

2D errors in pixels, 3D errors in millimetres.  None: the paper does not say.
"""

from __future__ import annotations

from typing import NamedTuple


class PaperRow(NamedTuple):
    """A row: AUC, median and mean end-point error, in 2D and in 3D."""

    name: str
    auc_2d: float | None = None
    median_2d: float | None = None
    mean_2d: float | None = None
    auc_3d: float | None = None
    median_3d: float | None = None
    mean_3d: float | None = None


PAPER_ROWS: dict[str, tuple[PaperRow, ...]] = {
    "dexter_object": (
        PaperRow("holistic 2.5D (ResNet-50)", 0.41, 17.34, 22.21, 0.54, 42.76, 47.80),
        PaperRow("direct 2.5D heatmaps", 0.57, 10.33, 21.63, 0.55, 36.97, 52.33),
        PaperRow("latent 2.5D heatmaps, SHP + RHP", 0.59, 9.91, 16.67, 0.57, 39.62, 45.54),
        PaperRow("+ MPII+NZSL", 0.67, 9.07, 10.65, 0.68, 28.11, 32.78),
        PaperRow("+ MVBS", 0.68, 8.84, 10.45, 0.68, 27.27, 32.75),
        PaperRow("+ fingertip discrepancy removed", 0.76, 5.95, 7.97, 0.69, 26.56, 31.86),
        PaperRow("+ two stages", 0.74, None, None, 0.71, None, None),
    ),
    "rhp": (
        PaperRow("latent 2.5D heatmaps", 0.89, 2.20, 3.57, 0.91, 13.82, 15.77),
        PaperRow("true root depth and scale", 0.89, 2.20, 3.57, 0.94, 11.33, 13.41),
    ),
    "shp": (PaperRow("latent 2.5D heatmaps", auc_3d=0.994),),
}
"""Protocol -> the rows of the paper's table; protocols that it only plots are missing."""
