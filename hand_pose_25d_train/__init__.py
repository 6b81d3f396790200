"""How the networks, the data and the figures of hand_pose_25d are made; extra [train]."""
