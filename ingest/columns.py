"""The headings of the files that `tocsin import` reads, and the words for levels that are found in them."""

from __future__ import annotations

from typing import Final

from ingest.registry import GridLevel
from ingest.sheets import Columns

GRID_COLUMNS: Final = Columns(
    {
        "code": ("grid", "grid_code", "adcode", "编码", "网格编码", "代码"),
        "parent": ("parent_code", "上级", "上级编码", "上级网格"),
        "level": ("级别", "层级", "网格级别"),
        "name": ("grid_name", "名称", "网格名称"),
        "polygon": ("wkt", "geometry", "边界", "范围"),
        "datum": ("crs", "坐标系"),
        "valid_from": ("from", "生效日期", "启用日期"),
        "valid_to": ("to", "失效日期", "停用日期"),
    },
    required=("code", "level", "name"),
)
DEVICE_COLUMNS: Final = Columns(
    {
        "id": ("device", "device_id", "编号", "设备编号"),
        "kind": ("type", "device_kind", "类型", "设备类型"),
        "gateway": ("网关", "网关编号"),
        "grid": ("grid_code", "网格", "网格编码"),
        "lat": ("latitude", "纬度"),
        "lon": ("lng", "longitude", "经度"),
        "datum": ("crs", "坐标系"),
        "interval_s": ("interval", "上报间隔", "间隔"),
        "name": ("名称", "设备名称"),
    },
    required=("id", "kind"),
)
LEVELS: Final[dict[str, GridLevel]] = {
    **{level.value: level for level in GridLevel},
    **dict.fromkeys(("micro-grid", "microgrid", "微网格"), GridLevel.MICRO),
    "网格": GridLevel.GRID,
    **dict.fromkeys(("community", "村", "社区", "村社区"), GridLevel.VILLAGE),
    **dict.fromkeys(("street", "town", "乡", "镇", "乡镇", "街道", "乡镇街道"), GridLevel.TOWNSHIP),
    **dict.fromkeys(("district", "县", "区", "区县", "县区"), GridLevel.COUNTY),
    **dict.fromkeys(("prefecture", "市"), GridLevel.CITY),
}
