"""From many events to a `Signal`.

Deciding code: `detectors`, `rules`, `sightings`, `calls`, `silence`, `signal`. Code that touches the outside: `app`, `agents`,
`guard`, `state` (Faust and the log), `series` (the time series).
"""
