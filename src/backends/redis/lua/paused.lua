return {0, math.max(paused - clock, all_paused - clock, 0)}
