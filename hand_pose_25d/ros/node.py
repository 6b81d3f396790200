"""The node `hand_pose`: images and CameraInfo in, hands in metres out.

A managed (lifecycle) node.  One thread only takes messages (`Receiver`); a worker thread converts,
estimates and publishes, and always works on the newest image.  See docs/ros_interface.md.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from std_srvs.srv import Trigger

from hand_pose_25d.ros import detections
from hand_pose_25d.ros.calibrate import KnownSize, calibrate_for_node
from hand_pose_25d.ros.cameras import CameraInfos
from hand_pose_25d.ros.diagnostics import Complaints, Statistics, status
from hand_pose_25d.ros.images import InputError
from hand_pose_25d.ros.inputs import Inputs
from hand_pose_25d.ros.losses import Losses
from hand_pose_25d.ros.outputs import Outputs
from hand_pose_25d.ros.parameters import Settings, changed, declare
from hand_pose_25d.ros.pipeline import Pipeline
from hand_pose_25d.ros.qos import output_qos
from hand_pose_25d.ros.values import without_meaning
from hand_pose_25d.ros.worker import Worker

STOP_TIMEOUT = 1.0  # seconds for which a transition waits for the image being worked on


class HandPoseNode(LifecycleNode):
    """See the module's docstring."""

    def __init__(self, **kwargs: Any) -> None:
        """Declare parameters and make what an unconfigured node has.

        Raises ValueError for a parameter that is refused.
        """
        super().__init__("hand_pose", **kwargs)
        self.settings: Settings = declare(self)
        self.add_on_set_parameters_callback(self._on_parameters)
        self.statistics = Statistics()
        self.complaints = Complaints(lambda text: self.get_logger().warning(text))
        self._state = "unconfigured"
        self._problem = ""  # why the last transition failed
        self._inputs: Inputs | None = None
        self._outputs: Outputs | None = None
        self._infos = CameraInfos(self.complaints.report)
        self._losses = Losses()
        self._known_size = KnownSize()
        self._pipeline: Pipeline | None = None
        self._worker: Worker | None = None
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # diagnostics go on while a bag pauses
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", output_qos())
        self._timer = self.create_timer(1.0, self._on_timer, clock=steady)
        # It waits for images: in the common group it would keep everything else waiting, too.
        group = ReentrantCallbackGroup()
        self.create_service(Trigger, "~/calibrate", self._on_calibrate, callback_group=group)
        self.create_service(Trigger, "~/reset", self._on_reset)
        for sentence in without_meaning(self):
            self.get_logger().warning(sentence)

    # ---- lifecycle -----------------------------------------------------------------------------

    def autostart(self) -> None:
        """Configure and activate, unless the parameter says no or a step fails."""
        if not self.settings.autostart:
            return
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Load the networks and make the publishers."""
        started = time.monotonic()
        try:
            self._outputs = Outputs(self, self.settings)
            self._pipeline = Pipeline(
                self.settings, self._infos, self._outputs,
                clock=lambda: self.get_clock().now().nanoseconds * 1e-9,
                statistics=self.statistics, complaints=self.complaints, logger=self.get_logger(),
            )  # fmt: skip
        except Exception as error:  # a file that is missing, a device that is not there, ...
            return self._failed("configure", error)
        self._known_size.restore(self._pipeline)
        self._problem = ""
        self._state = "inactive"
        seconds = time.monotonic() - started
        self.get_logger().info(f"Configured in {seconds:.1f} s: {self._pipeline.description}")
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Subscribe and begin to work."""
        assert self._pipeline is not None and self._outputs is not None
        settings = self.settings
        self._pipeline.reset()
        self._worker = Worker(self._pipeline.process, lambda: self.statistics.count("dropped"))
        try:
            self._inputs = Inputs(
                self, settings, self._infos, self._losses, self._on_image, self._on_detections,
                self._pipeline.depths.add, self._not_taken,
            )  # fmt: skip
        except Exception as error:
            return self._failed("activate", error)
        self._worker.start()
        self._state, self._problem = "active", ""
        topic, hands = self._inputs.image.topic_name, self._outputs.hands_topic
        self.get_logger().info(f"Active: images from {topic}, hands on {hands}")
        if "rect" in topic and not settings.rectified:
            self.get_logger().warning(
                f"{topic} looks like rectified images: set rectified:=true if they are"
            )
        return super().on_activate(state)

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop working; the networks stay loaded."""
        self._stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Let go of the networks."""
        self._release()
        self._state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Let go of everything, whatever the state was."""
        self._stop()
        self._release()
        self._state = "finalized"
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: State) -> TransitionCallbackReturn:
        """Go back to unconfigured, from where the node can be configured again."""
        self._stop()
        self._release()
        self._state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def _failed(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        """Say why a transition failed and undo it; the node stays and can be mended."""
        self._problem = f"cannot {transition}: {error}"
        self.get_logger().error(self._problem[0].upper() + self._problem[1:])
        self._stop()
        if transition == "configure":
            self._release()
        return TransitionCallbackReturn.FAILURE

    def _stop(self) -> None:
        if self._inputs is not None:
            self._inputs.close()
            self._inputs = None
        if self._worker is not None:
            self._worker.stop(STOP_TIMEOUT)
            self._worker = None

    def _release(self) -> None:
        self._pipeline = None
        if self._outputs is not None:
            self._outputs.close()
            self._outputs = None

    # ---- what comes in -------------------------------------------------------------------------

    def _on_image(self, message: Any) -> None:
        self.statistics.count("received")
        if self._worker is not None:
            self._worker.put(message)

    def _on_detections(self, message: Any) -> None:
        if self._pipeline is None or self._pipeline.topic_detector is None:
            return
        try:
            found = detections.detections_from_message(message, self.complaints.report)
            self._pipeline.topic_detector.add(found)
        except InputError as error:
            self.complaints.report(error.kind, str(error))

    def _not_taken(self, error: Exception) -> None:
        self.complaints.report(f"input {type(error)}", f"a message could not be taken: {error!r}")

    def _on_parameters(self, parameters: list[Any]) -> SetParametersResult:
        try:
            settings = changed(self.settings, parameters, self._state in ("inactive", "active"))
            if self._pipeline is not None:
                self._pipeline.apply(settings)
        except Exception as error:  # a refusal; anything else must not end the node either
            return SetParametersResult(successful=False, reason=str(error) or repr(error))
        self.settings = settings
        return SetParametersResult(successful=True)

    async def _on_calibrate(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._pipeline is None:
            response.success, response.message = False, "the node is not configured"
            return response
        try:
            response.message = await calibrate_for_node(
                self, self._pipeline, self._known_size, self._state == "active"
            )
            response.success = True
            self.get_logger().info(response.message)
        except Exception as error:
            response.success, response.message = False, str(error) or type(error).__name__
            self.get_logger().warning(f"cannot calibrate: {response.message}")
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._pipeline is not None
        if self._pipeline is not None:
            self._pipeline.reset()
            response.message = "tracks forgotten"
        else:
            response.message = "the node is not configured"
        return response

    # ---- what it says of itself ----------------------------------------------------------------

    def _on_timer(self) -> None:
        if self._inputs is not None:
            self._inputs.watch(self.complaints.report)
        problem = self._problem or self.complaints.current()
        values = {"state": self._state, **self.statistics.values()}
        values["images lost before arrival"] = str(self._losses.lost)
        if self._pipeline is not None:
            values["networks"] = self._pipeline.description
        frame = self._infos.newest.header.frame_id if self._infos.newest else ""
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        name = f"{self.get_fully_qualified_name()[1:]}: hands"
        message.status = [status(name, frame, problem, bool(self._problem), values)]
        self._diagnostics.publish(message)


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM."""
    from hand_pose_25d.ros.run import run

    return run(HandPoseNode, args)


if __name__ == "__main__":
    sys.exit(main())
