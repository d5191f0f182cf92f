"""What changes around the scheduler: the data against the champion's, the plan against what really happened.

Floor 6; the only door to Evidently, which draws and never decides. Alarms are ours: pre-checks first, then
thresholds calibrated on the reference at the sample size at hand. A new feature goes to `drift_features.py`.
"""
