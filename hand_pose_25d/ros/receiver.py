"""Takes a node's large messages in a thread of its own.

rclpy's executor asks every service, timer and event of its node before each wait, and wakes twice
for each message: at 30 images a second that costs more than receiving them.  This thread waits for
nothing but its subscriptions, by the wait set that rclpy.wait_for_message uses, too; all else
stays with the executor, and neither waits for the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation

PAUSE = 1.0  # seconds after a fault of the wait itself


class NotByExecutor(ReentrantCallbackGroup):
    """The group of what an executor leaves alone.

    The subscriptions' events, too: with some middlewares each message wakes who waits for them.
    """

    def can_execute(self, entity: Any) -> Any:
        """Tell the executor not to wait for this."""
        return False


class Receiver:
    """Calls the callbacks of subscriptions with what comes, one after the other."""

    def __init__(self, node: Any, failed: Callable[[Exception], object]) -> None:
        """Make a receiver at rest.

        Args:
            node: makes the subscriptions.
            failed: called with what a callback raises, or a message that cannot be taken.
        """
        self._node, self._failed = node, failed
        self._group = NotByExecutor()
        self._lock = threading.Lock()
        self._subscriptions: list[Any] = []
        self._guard = node.create_guard_condition(lambda: None, callback_group=self._group)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def subscribe(
        self, kind: Any, topic: str, take: Callable[[Any], object], qos: Any, raw: bool = False
    ) -> Any:
        """Make a subscription and return it; raw: its callback gets the serialized message."""
        subscription = self._node.create_subscription(
            kind, topic, take, qos, callback_group=self._group, raw=raw
        )
        with self._lock:
            self._subscriptions.append(subscription)
        self._wake()
        return subscription

    def start(self) -> None:
        """Begin to take messages."""
        self._node.context.on_shutdown(self._wake)
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._thread.start()

    def watch(self) -> None:
        """Handle the subscriptions' events, as an executor would: a publisher of another QoS."""
        with self._lock, ExitStack() as used:
            handlers = [h for s in self._subscriptions for h in s.event_handlers]
            context = self._node.context.handle
            for handle in (context, *handlers):
                used.enter_context(handle)
            wait_set = rclpy_implementation.WaitSet(0, 0, 0, 0, 0, len(handlers), context)
            wait_set.clear_entities()
            for handler in handlers:
                handler.add_to_wait_set(wait_set)
            wait_set.wait(0)
            events = [(h, h.take_data()) for h in handlers if h.is_ready(wait_set)]
        for handler, event in events:
            handler.callback(event)

    def close(self) -> None:
        """End the thread and the subscriptions; afterwards no callback is called any more."""
        self._ended.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            for subscription in self._subscriptions:
                self._node.destroy_subscription(subscription)
            self._subscriptions = []
            self._node.destroy_guard_condition(self._guard)

    def _wake(self) -> None:
        try:
            self._guard.trigger()
        except Exception:  # it is destroyed: there is nobody to wake
            return

    def _run(self) -> None:
        while self._goes_on():
            with self._lock:
                subscriptions = list(self._subscriptions)
            try:
                self._listen(subscriptions)
            except Exception as error:
                if self._goes_on():
                    self._failed(error)
                    self._ended.wait(PAUSE)

    def _goes_on(self) -> bool:
        return not self._ended.is_set() and bool(self._node.context.ok())

    def _listen(self, subscriptions: list[Any]) -> None:
        """Take messages until somebody wakes: other subscriptions, or the end."""
        context = self._node.context.handle
        with ExitStack() as used:  # nothing of it is destroyed meanwhile
            for handle in (context, self._guard.handle, *(s.handle for s in subscriptions)):
                used.enter_context(handle)
            count = len(subscriptions)
            wait_set = rclpy_implementation.WaitSet(count, 1, 0, 0, 0, 0, context)
            while True:
                wait_set.clear_entities()
                wait_set.add_guard_condition(self._guard.handle)
                for subscription in subscriptions:
                    wait_set.add_subscription(subscription.handle)
                wait_set.wait(-1)
                ready = wait_set.get_ready_entities("subscription")
                for subscription in subscriptions:
                    if subscription.handle.pointer in ready:
                        self._take(subscription)
                if wait_set.get_ready_entities("guard_condition"):
                    return

    def _take(self, subscription: Any) -> None:
        try:
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is not None:
                subscription.callback(taken[0])
        except Exception as error:
            self._failed(error)
