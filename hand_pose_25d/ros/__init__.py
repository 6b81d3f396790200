"""The ROS 2 node and its helpers: the only modules of the package that import ROS.

The messages are generated into a package of the same name.  colcon installs the two into one
place; where the library is imported from elsewhere (a checkout, pip), the line below finds the
messages of the workspace that was sourced.
"""

from pkgutil import extend_path

import hand_pose_25d

hand_pose_25d.__path__ = extend_path(hand_pose_25d.__path__, hand_pose_25d.__name__)
