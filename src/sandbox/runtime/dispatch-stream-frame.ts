import type { StreamEnds } from './byte-streams.ts';
import type { IncomingFrame } from './frame-channel.ts';
import { frameType, type WireError } from './protocol.ts';
import { fromWireError } from './wire-error.ts';

/** Hands a stream frame from the gateway to the half that it is for. */
export function dispatchStreamFrame(ends: StreamEnds, frame: IncomingFrame): void {
  switch (frame.type) {
    case frameType.data:
      ends.incoming?.push(frame.copy());
      break;
    case frameType.end:
      ends.incoming?.end();
      break;
    case frameType.abort: {
      const error = fromWireError(frame.json() as WireError);
      ends.incoming?.fail(error);
      ends.outgoing?.fail(error);
      break;
    }
    case frameType.credit:
      ends.outgoing?.addCredit(frame.view.getUint32(frame.start, true));
      break;
  }
}
