"""People out of a file, and a whole place at once."""

from datetime import UTC, datetime

import pytest

from alerts.people.duty import CHINA, EVERY_DAY, Duty, DutyKind
from alerts.people.enrol import Change, PlaceFiles, changes, check_people, check_place, in_force
from alerts.people.enrol_duty import check_duties
from alerts.people.roster import Part, Person, Roster
from ingest.events import Point
from ingest.registry import Device, Grid, GridLevel, Registry
from ingest.sheets import Severity, Sheet

PLACE = Registry.of([Grid("T", "镇", GridLevel.TOWNSHIP), Grid("G", "一网格", GridLevel.GRID, "T")], [])
PHONE = "+861000000001"


def people(text: str, header: str = "id,name,phone,role,grid,order,channels,language"):
    return check_people(Sheet("people.csv", f"{header}\n{text}".encode()), PLACE)


def test_a_person_is_read_with_everything():
    found, problems = people(f"p1,李一,{PHONE},leader,G,2,voice;sms,en")
    assert not problems
    assert found == {"p1": Person("p1", "李一", PHONE, "leader", "G", 2, ("voice", "sms"), "en")}


def test_a_person_says_when_not_to_be_disturbed():
    header = "姓名,手机,职务,所属网格,免打扰"
    found, problems = people(
        f"李一,{PHONE},网格长,G,22:00-07:00\n王二,{PHONE},网格员,G,-\n赵三,{PHONE},网格员,G,", header
    )
    assert not problems
    assert [p.quiet for p in found.values()] == ["22:00-07:00", "-", ""]
    _, problems = people(f"李一,{PHONE},网格长,G,夜里", header)
    assert "quiet '夜里' is no time of day: write it as 22:00-07:00, or - for somebody who has none" in problems[0].what


def test_a_person_without_an_id_keeps_the_same_one_when_the_number_changes():
    header = "姓名,手机,职务,所属网格,顺序"
    before, _ = people(f"李一,{PHONE},网格长,G,", header)
    after, problems = people("李一,+861000000002,网格长,G,", header)
    assert not problems
    assert before.keys() == after.keys()
    assert next(iter(after.values())).phone == "+861000000002"
    assert PHONE not in next(iter(before))


BAD_PEOPLE = [
    ("a number without its country code", "p,n,13800138000,leader,G,,,", "is not E.164"),
    ("a number with spaces", "p,n,+86 100 0000 0001,leader,G,,,", "is not E.164"),
    ("a number that is too long", "p,n,+8610000000000001,leader,G,,,", "is not E.164"),
    ("digits of another script", "p,n,+86１０００００００１,leader,G,,,", "is not E.164"),
    ("a number that a spreadsheet turned into another", "p,n,8.61E+12,leader,G,,,", "format the column as text"),
    ("no number", "p,n,,leader,G,,,", "phone is empty and is not E.164"),
    ("no name", f"p,,{PHONE},leader,G,,,", "name ''"),
    ("no role", f"p,n,{PHONE},,G,,,", "role ''"),
    ("no grid", f"p,n,{PHONE},leader,,,,", "has no grid to answer for"),
    ("an unknown grid", f"p,n,{PHONE},leader,Q,,,", "grid 'Q' is neither in the grids file nor known"),
    ("an order that is a word", f"p,n,{PHONE},leader,G,first,,", "order 'first' is not a whole number"),
    ("an order that is a fraction", f"p,n,{PHONE},leader,G,1.5,,", "order '1.5' is not a whole number"),
    ("an order below nothing", f"p,n,{PHONE},leader,G,-1,,", "order '-1' is not a whole number"),
    ("a channel that is none", f"p,n,{PHONE},leader,G,,pigeon,", "channel 'pigeon' is none of"),
    ("a language that is none", f"p,n,{PHONE},leader,G,,,fr", "language 'fr' is none of"),
]


@pytest.mark.parametrize(("_what", "text", "said"), BAD_PEOPLE, ids=[row[0] for row in BAD_PEOPLE])
def test_a_broken_person_is_an_error_with_its_line(_what, text, said):
    found, problems = people(text)
    assert not found
    assert [(p.line, p.severity) for p in problems] == [(2, Severity.ERROR)]
    assert said in problems[0].what


def test_the_same_person_twice_is_an_error_also_when_the_first_row_is_broken():
    _, problems = people(f"p,n,{PHONE},leader,G,,,\np,n,{PHONE},leader,G,,,")
    assert [(p.line, p.what) for p in problems] == [(3, "id 'p' stands in line 2 already")]
    _, problems = people(f"n,{PHONE},leader,G\nn,+861000000002,leader,G", "name,phone,role,grid")
    assert [(p.line, p.what) for p in problems] == [(3, "n (leader, G) stands in line 2 already: give both an id")]
    _, problems = people(f"p,n,wrong,leader,G,,,\np,n,{PHONE},leader,G,,,")
    assert [p.line for p in problems] == [2, 3]


def test_no_problem_shows_a_whole_telephone_number():
    _, problems = people("p,n,13800138000,leader,Q,x,y,z")
    assert len(problems) == 5
    assert "13800138000" not in " ".join(map(str, problems))


GRIDS = Sheet("g.csv", b"code,parent,level,name\nT,,township,t\nG,T,grid,g\nH,T,grid,h\n")
DEVICES = Sheet("d.csv", b"id,kind,grid\nd1,smoke,G\n")
PEOPLE = Sheet("p.csv", f"id,name,phone,role,grid\np1,n,{PHONE},leader,G\n".encode())


def test_a_whole_place_is_read_from_three_files_that_know_of_each_other():
    place = check_place(PlaceFiles(GRIDS, DEVICES, PEOPLE), Registry(), Roster())
    assert place.sound
    assert [len(some) for some in (place.grids, place.devices, place.people)] == [3, 1, 1]


def test_devices_and_people_may_come_later_than_their_grids():
    place = check_place(PlaceFiles(devices=DEVICES, people=PEOPLE), PLACE, Roster())
    assert place.sound
    assert check_place(PlaceFiles(devices=DEVICES), Registry(), Roster()).sound is False


def test_errors_of_all_three_files_are_told_in_one_run():
    files = PlaceFiles(
        Sheet("g.csv", b"code,level,name\nT,parish,t\n"),
        Sheet("d.csv", b"id,kind,grid\nd1,,G\n"),
        Sheet("p.csv", b"name,phone,role,grid\nn,1,leader,G\n"),
    )
    place = check_place(files, PLACE, Roster())
    assert not place.sound
    assert {p.file for p in place.problems} == {"g.csv", "d.csv", "p.csv"}


def test_a_grid_for_which_nobody_answers_on_any_level_is_a_warning():
    place = check_place(PlaceFiles(GRIDS, None, PEOPLE), Registry(), Roster())
    assert [p.what for p in place.problems] == [
        "nobody answers for 2 grids on any level (T, H): their alerts go to the catcher"
    ]
    moving = Roster.of([Person("p1", "n", PHONE, "leader", "T")])
    assert "for 2 grids" in check_place(PlaceFiles(GRIDS, None, PEOPLE), Registry(), moving).problems[0].what
    above = Roster.of([Person("boss", "b", "+861000000009", "duty", "T")])
    assert check_place(PlaceFiles(GRIDS, None, PEOPLE), Registry(), above).problems == ()


def test_new_outlines_around_old_devices_are_a_warning():
    known = Registry.of([Grid("G", "g", GridLevel.GRID)], [Device("d", "smoke", grid="G", point=Point(0.5, 0.5))])
    moved = Sheet("g.csv", b'code,level,name,polygon,datum\nN,grid,n,"POLYGON((0 0,1 0,1 1,0 1,0 0))",wgs84\n')
    place = check_place(PlaceFiles(grids=moved), known, Roster())
    assert place.sound
    assert [p.what for p in place.problems] == [
        "1 enrolled devices now have coordinates in another grid (d): import the devices again"
    ]
    again = Sheet("d.csv", b"id,kind,lat,lon,datum\nd,smoke,0.5,0.5,wgs84\n")
    assert check_place(PlaceFiles(moved, again), known, Roster()).problems == ()


def test_what_an_import_changes_is_counted_before_it_happens():
    place = check_place(PlaceFiles(GRIDS, DEVICES, PEOPLE), Registry(), Roster())
    assert changes(place, Registry(), Roster()) == {
        "grids": Change(3, 0, 0),
        "devices": Change(1, 0, 0),
        "people": Change(1, 0, 0),
        "duties": Change(0, 0, 0),
    }
    in_force = Registry.of([*place.grids[:2], Grid("H", "another name", GridLevel.GRID, "T")], place.devices)
    counted = changes(place, in_force, Roster.of(place.people))
    assert counted == {
        "grids": Change(0, 1, 2),
        "devices": Change(0, 0, 1),
        "people": Change(0, 0, 1),
        "duties": Change(0, 0, 0),
    }


def test_a_deputy_is_one_in_either_language():
    header = "id,name,phone,role,grid,主副"
    found, problems = people(
        f"p1,n,{PHONE},r,G,B角\np2,n,{PHONE},r,G,\np3,n,{PHONE},r,G,副\np4,n,{PHONE},r,G,A", header
    )
    assert not problems
    assert [p.part for p in found.values()] == [Part.DEPUTY, Part.MAIN, Part.DEPUTY, Part.MAIN]
    _, problems = people(f"p1,n,{PHONE},r,G,C", header)
    assert [p.what for p in problems] == ["part 'C' is none of a, b (主岗, 副岗)"]


LI, LI_2 = Person("p1", "李一", PHONE, "leader", "G"), Person("p2", "李一", PHONE, "leader", "T")
WANG = Person("w", "王二", PHONE, "worker", "G")
KNOWN = {p.id: p for p in (LI, LI_2, WANG)}


def duties(text: str, header: str = "kind,person,days,start,end,from,to,for,grid"):
    return check_duties(Sheet("duty.csv", f"{header}\n{text}".encode()), PLACE, KNOWN)


def shift(*days: int, start: int = 0, end: int = 1440, **but: datetime) -> Duty:
    return Duty(DutyKind.SHIFT, "w", days, start, end, **but)


def instant(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=CHINA).astimezone(UTC)


LINES = [
    ("a night shift of weekdays", "shift,w,1-5,22:00,06:00,,,,", shift(1, 2, 3, 4, 5, start=1320, end=360)),
    ("days over the end of the week", "shift,w,sat-mon,8:00,24:00,,,,", shift(1, 6, 7, start=480)),
    ("in Chinese", "班次,王二,周一至周三、周日,08：00,次日08:00,,,,", shift(1, 2, 3, 7, start=480, end=480)),
    ("every day, all day", "值班,w,,,,,,,", shift(*EVERY_DAY)),
    ("by a word", "shift,w,周末,,,,,,", shift(6, 7)),
    ("for a time", "shift,w,6,,,2026-03-01,2026-03-07,,", shift(6, since=instant(1), until=instant(8))),
    (
        "leave to the end of its last day",
        "请假,w,,,,2026-03-01,2026-03-03,,",
        Duty(DutyKind.ABSENT, "w", since=instant(1), until=instant(4)),
    ),
    (
        "a stand-in for some hours",
        "替班,w,,,,2026-03-01 08:00,2026-03-01 20:00,p1,",
        Duty(DutyKind.STAND_IN, "w", since=instant(1, 8), until=instant(1, 20), instead_of="p1"),
    ),
    (
        "an override of another grid",
        "override,w,,,,2026-03-01,2026-03-01,,T",
        Duty(DutyKind.OVERRIDE, "w", since=instant(1), until=instant(2), grid="T"),
    ),
    ("one of two of a name, by the grid", "shift,李一,1,,,,,,T", Duty(DutyKind.SHIFT, "p2", (1,))),
]


@pytest.mark.parametrize(("_what", "text", "line"), LINES, ids=[row[0] for row in LINES])
def test_a_line_of_a_duty_book_is_read(_what, text, line):
    found, problems = duties(text)
    assert not problems
    assert list(found) == [line]


BAD_LINES = [
    ("a kind that is none", "party,w,,,,,,,", "kind 'party' is none of"),
    ("nobody", "shift,,,,,,,,", "names nobody"),
    ("somebody unknown", "shift,x,,,,,,,", "'x' is nobody of the people file or the ledger"),
    ("one of two of a name", "shift,李一,,,,,,,", "2 people are called '李一'"),
    ("a day that is none", "shift,w,8,,,,,,", "days '8' are not understood"),
    ("a time that is none", "shift,w,,25:00,,,,,", "'25:00' is no time of day"),
    ("a time after midnight of the next day", "shift,w,,,24:30,,,,", "'24:30' is no time of day"),
    ("leave without an end", "absent,w,,,,2026-03-01,,,", "needs from and to"),
    ("an end before its beginning", "absent,w,,,,2026-03-02,2026-03-01,,", "is not after from"),
    ("a stand-in for nobody", "stand_in,w,,,,2026-03-01,2026-03-01,,", "names nobody"),
    ("a stand-in for themselves", "stand_in,w,,,,2026-03-01,2026-03-01,w,", "cannot stand in for themselves"),
    ("an override of an unknown grid", "override,w,,,,2026-03-01,2026-03-01,,Q", "grid 'Q' is neither"),
    ("a date that is none", "absent,w,,,,soon,2026-03-01,,", "'soon' is no date"),
]


@pytest.mark.parametrize(("_what", "text", "said"), BAD_LINES, ids=[row[0] for row in BAD_LINES])
def test_a_broken_line_of_a_duty_book_is_an_error_with_its_line(_what, text, said):
    found, problems = duties(text)
    assert not found
    assert [(p.line, p.severity) for p in problems] == [(2, Severity.ERROR)]
    assert said in problems[0].what


MONDAY = datetime(2026, 3, 2, tzinfo=CHINA)


def test_times_without_anybody_on_duty_are_a_warning_and_the_catcher_s_come_first():
    book = Sheet("duty.csv", b"kind,person,start,end\nshift,p1,04:00,02:00\n")
    place = check_place(PlaceFiles(GRIDS, None, PEOPLE, book), Registry(), Roster(), now=MONDAY)
    assert place.sound
    assert place.duties == (Duty(DutyKind.SHIFT, "p1", EVERY_DAY, 240, 120),)
    assert [p.what for p in place.problems][1:] == [
        "there is no catcher on duty from 2026-03-02 02:00 to 2026-03-02 04:00: give somebody the role catcher, or another shift",
        "in the next 7 days 1 grids have times with nobody on duty (G from 2026-03-02 02:00 to 2026-03-02 04:00 …): `tocsin roster gaps`",
    ]


def test_a_place_of_grids_alone_says_that_nobody_is_enrolled():
    place = check_place(PlaceFiles(GRIDS), Registry(), Roster(), now=MONDAY)
    assert place.sound
    assert "nobody is enrolled" in place.problems[0].what


def test_duties_are_counted_for_a_person_and_kind():
    book = Sheet("duty.csv", b"kind,person,days\nshift,p1,1\nshift,p1,2\n")
    place = check_place(PlaceFiles(GRIDS, None, PEOPLE, book), Registry(), Roster())
    before = Roster.of(place.people, [Duty(DutyKind.SHIFT, "p1", (3,))])
    assert changes(place, Registry(), before)["duties"] == Change(0, 1, 0)
    assert changes(place, Registry(), in_force(before, {}, place.duties))["duties"] == Change(0, 0, 1)
