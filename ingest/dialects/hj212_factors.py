"""The factors of HJ 212-2017 (appendix B) and HJ/T 212-2005: their names here, their units, and their Chinese names.

A factor that a rule would misread has a name of its own: carbon monoxide is in mg/m³ here and in ppm under `co`, flue gas and water are
no room temperature under `temperature`. A factor that is not listed keeps its code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Factor:
    """What a code stands for. `total` is the unit of its sum over a period (`Cou`)."""

    metric: str
    unit: str
    word: str
    total: str = ""


# code of 2017, codes of 2005, metric, unit, unit of the total, word
_ROWS: Final = """
w00000 B01 sewage_flow            L/s   m³ 污水
w01001 001 ph                     -     -  pH值
w01002 002 colour                 度    -  色度
w01003 -   turbidity              NTU   -  浊度
w01006 -   dissolved_solids       mg/L  kg 溶解性总固体
w01009 -   dissolved_oxygen       mg/L  -  溶解氧
w01010 -   water_temperature      °C    -  水温
w01012 003 suspended_solids       mg/L  kg 悬浮物
w01014 -   conductivity           µS/cm -  电导率
w01017 010 bod5                   mg/L  kg 五日生化需氧量
w01018 011 cod                    mg/L  kg 化学需氧量
w01019 -   permanganate_index     mg/L  kg 高锰酸盐指数
w01020 015 toc                    mg/L  kg 总有机碳
w02003 550 faecal_coliforms       1/L   -  粪大肠菌群
w19002 520 anionic_surfactants    mg/L  kg 阴离子表面活性剂
w20111 020 mercury                µg/L  g  总汞
w20115 022 cadmium                µg/L  g  总镉
w20116 023 chromium               mg/L  kg 总铬
w20117 024 chromium_vi            µg/L  g  六价铬
w20119 026 arsenic                µg/L  g  总砷
w20120 027 lead                   µg/L  g  总铅
w20121 028 nickel                 mg/L  kg 总镍
w20122 029 copper                 mg/L  kg 总铜
w20123 030 zinc                   mg/L  kg 总锌
w20124 031 manganese              mg/L  kg 总锰
w20125 032 iron                   mg/L  kg 总铁
w20126 033 silver                 mg/L  kg 总银
w20127 034 beryllium              µg/L  g  总铍
w20128 035 selenium               µg/L  g  总硒
w21001 065 total_nitrogen         mg/L  kg 总氮
w21003 060 ammonia_nitrogen       mg/L  kg 氨氮
w21004 062 kjeldahl_nitrogen      mg/L  kg 凯氏氮
w21006 063 nitrite                mg/L  kg 亚硝酸盐
w21007 064 nitrate                mg/L  kg 硝酸盐
w21011 101 total_phosphorus       mg/L  kg 总磷
w21016 070 cyanide                mg/L  kg 氰化物
w21017 072 fluoride               mg/L  kg 氟化物
w21019 071 sulfide                mg/L  kg 硫化物
w21022 090 chloride               mg/L  kg 氯化物
w21038 -   sulfate                mg/L  kg 硫酸盐
w22001 080 petroleum              mg/L  kg 石油类
w23002 110 volatile_phenol        mg/L  kg 挥发酚
a00000 B02 exhaust_flow           m³/s  m³ 废气
a01001 -   temperature            °C    -  温度
a01002 -   humidity               %     -  湿度
a01006 -   pressure               kPa   -  气压
a01007 -   wind_speed             m/s   -  风速
a01008 -   wind_direction         °     -  风向
a01010 37  ringelmann_blackness   -     -  林格曼黑度
a01011 S02 flue_speed             m/s   -  烟气流速
a01012 S03 flue_temperature       °C    -  烟气温度
a01013 S08 flue_pressure          kPa   -  烟气压力
a01014 S05 flue_humidity          %     -  烟气湿度
a01015 S06 cooling_temperature    °C    -  制冷温度
a01016 S07 flue_section           m²    -  烟道截面积
a01017 S04 flue_dynamic_pressure  kPa   -  烟气动压
a05001 30  carbon_dioxide         mg/m³ kg 二氧化碳
a05024 -   ozone                  -     -  臭氧
a19001 S01 oxygen                 %     -  氧气含量
a21001 10  ammonia                -     -  氨
a21002 03  nitrogen_oxides        mg/m³ kg 氮氧化物
a21003 -   nitric_oxide           mg/m³ kg 一氧化氮
a21004 -   nitrogen_dioxide       mg/m³ kg 二氧化氮
a21005 04  carbon_monoxide        mg/m³ kg 一氧化碳
a21017 07  cyanide                mg/m³ kg 氰化物
a21018 06  fluoride               mg/m³ kg 氟化物
a21022 11  chlorine               mg/m³ kg 氯气
a21024 08  hydrogen_chloride      mg/m³ kg 氯化氢
a21026 02  sulfur_dioxide         mg/m³ kg 二氧化硫
a21028 05  hydrogen_sulfide       mg/m³ kg 硫化氢
a24087 25  hydrocarbons           mg/m³ kg 碳氢化合物
a24088 -   nmhc                   mg/m³ kg 非甲烷总烃
a25002 -   benzene                mg/m³ kg 苯
a25003 17  toluene                mg/m³ kg 甲苯
a25005 18  xylene                 mg/m³ kg 二甲苯
a31001 19  formaldehyde           mg/m³ kg 甲醛
a34001 -   tsp                    µg/m³ -  总悬浮颗粒物
a34002 -   pm10                   µg/m³ -  可吸入颗粒物
a34004 -   pm2_5                  µg/m³ -  细微颗粒物
a34013 01  soot                   mg/m³ kg 烟尘
a81001 -   latitude               °     -  纬度
a81002 -   longitude              °     -  经度
LA     -   noise                  dB    -  A权声级
Leq    -   Leq                    dB    -  等效声级
LeqT   -   LeqT                   dB    -  等效声级
Ldn    -   Ldn                    dB    -  昼夜等效声级
Ld     -   Ld                     dB    -  昼间等效声级
Ln     -   Ln                     dB    -  夜间等效声级
LMx    -   LMx                    dB    -  最大的瞬时声级
LMn    -   LMn                    dB    -  最小的瞬时声级
Lmax   -   Lmax                   dB    -  最大的瞬时声级
Lmin   -   Lmin                   dB    -  最小的瞬时声级
L5     -   L5                     dB    -  累计百分声级
L10    -   L10                    dB    -  累计百分声级
L50    -   L50                    dB    -  累计百分声级
L90    -   L90                    dB    -  累计百分声级
L95    -   L95                    dB    -  累计百分声级
"""


def _factors() -> dict[str, Factor]:
    found = {}
    for row in _ROWS.split("\n"):
        if not row:
            continue
        code, old, metric, unit, total, word = (part if part != "-" else "" for part in row.split())
        factor = Factor(metric, unit, word, total)
        found[code] = factor
        if old:
            found[old] = factor
    return found


FACTORS: Final[dict[str, Factor]] = _factors()
UNKNOWN: Final = Factor("", "", "")

SYSTEMS: Final[dict[str, str]] = {
    "21": "surface_water", "22": "air", "23": "noise", "24": "groundwater", "25": "soil", "26": "seawater", "27": "voc",
    "31": "air_source", "32": "water_source", "33": "noise_source", "38": "discharge_pipe", "39": "factory_boundary",
    "41": "road_dust", "51": "dust_source", "91": "interaction",
}  # fmt: skip
