"""When not to ring (何时不响铃). Pure: values, policy and `now` in, an answer out.

`verdict` is the one question: may this bell ring now, and if not, why and until when? It asks `drill`, `silence`, `maintenance`,
`inhibition` and `flapping`. `hours` delays what goes to one person, `grouping` tells what belongs together in one notice, `budgets` says
how many there may be.
Nothing here keeps an alert from being opened, seen, cleared or answered: only its bell stays shut.
"""
