import type { DenoConnection } from './deno-api.ts';
import { EgressClient } from './egress-client.ts';
import { evaluateApp } from './evaluate-app.ts';
import { FrameWriter, type IncomingFrame, readFrames } from './frame-channel.ts';
import { installGlobals, replaceEnv } from './globals.ts';
import { HostCalls } from './host-channel.ts';
import { Invocations } from './invocations.ts';
import { frameType, type LoadMessage } from './protocol.ts';
import type { AbiFactory } from './runtime-types.ts';
import { toWireError } from './wire-error.ts';

/** Serves the gateway until it closes the connection. One app per process. */
export async function serveGateway(connection: DenoConnection, abi: AbiFactory): Promise<void> {
  const writer = new FrameWriter(connection);
  const calls = new HostCalls(writer);
  const egress = new EgressClient(writer, calls);
  const code: Uint8Array[] = [];
  let invocations: Invocations | null = null;

  async function load(message: LoadMessage): Promise<void> {
    try {
      installGlobals(calls, egress, message);
      abi.install(calls, message.env);
      const runtime = abi.load(await evaluateApp(decodeChunks(code)));
      invocations = new Invocations(writer, runtime);
      writer.sendJson(frameType.loaded, 0, runtime.manifest);
    } catch (error) {
      writer.sendJson(frameType.loadFailed, 0, toWireError(error));
    }
  }

  function handle(frame: IncomingFrame): void {
    switch (frame.type) {
      case frameType.request:
        invocations!.startRequest(frame);
        break;
      case frameType.result:
      case frameType.error:
        calls.settle(frame);
        break;
      case frameType.task:
        invocations!.startTask(frame);
        break;
      case frameType.cancel:
        invocations?.cancel(frame);
        break;
      case frameType.ping:
        writer.send(frameType.pong, frame.id, '');
        break;
      case frameType.env:
        replaceEnv(frame.json() as Record<string, string>);
        break;
      case frameType.code:
        code.push(frame.copy());
        break;
      case frameType.load:
        void load(frame.json() as LoadMessage);
        break;
      default:
        if (frame.id % 2 === 1) egress.onFrame(frame);
        else invocations?.streamFrame(frame);
    }
  }

  writer.send(frameType.ready, 0, '');
  await readFrames(connection, handle);
}

function decodeChunks(chunks: Uint8Array[]): string {
  const decoder = new TextDecoder();
  let text = '';
  for (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  chunks.length = 0;
  return text + decoder.decode();
}
