"""The names of everything that can happen to an alert, as the table of transitions has them."""

from __future__ import annotations

from enum import StrEnum


class Move(StrEnum):
    """Everything the table of transitions knows."""

    ACKNOWLEDGE = "acknowledge"
    DISPATCH = "dispatch"
    ACCEPT = "accept"
    ARRIVE = "arrive"
    CHECK_IN = "check_in"  # whoever is at the scene is well
    HANDLE = "handle"
    VERIFY = "verify"
    CLOSE = "close"
    RATE = "rate"
    FALSE_ALARM = "false_alarm"
    VOID = "void"
    REOPEN = "reopen"
    CONTACT = "contact"
    NOTE = "note"
    SHOW = "show"
    UNDO = "undo"  # an acknowledgement was a slip
    GIVE_BACK = "give_back"
    CALL_BACK = "call_back"
    COMPLAIN = "complain"  # whoever called is not content with the result
    GRADE = "grade"
    TRIAGE = "triage"  # the questions of its kind were answered
    MERGE = "merge"
    SPLIT = "split"
    TAKE_IN = "take_in"  # another case was merged into this one, or split off again
    FOLLOW = "follow"  # the case it was merged into is over
    EXPIRE = "expire"  # an acknowledgement that nothing followed
    JOIN = "join"  # more evidence, not worse
    WORSEN = "worsen"  # the level rose
    RETURN = "return"  # it came back after it had been handled and had been over
    CLEAR = "clear"
    ESCALATE = "escalate"
    PAUSE = "pause"  # a service clock stands
    RESUME = "resume"
    EXTEND = "extend"
    AGREE = "agree"  # on a date
    WHISTLE = "whistle"  # 吹哨: units are called together for the case, and what they do about it
