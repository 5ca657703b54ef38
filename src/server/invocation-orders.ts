import { noOrder, type OperationOrder, WriteOrder } from '../documents/index.ts';
import type { HostCallContext } from '../ports/sandbox.ts';

/** One order for all writes and reads of an invocation; calls outside of invocations stand for themselves. */
export function createInvocationOrders(): (context: HostCallContext) => OperationOrder {
  const orders = new WeakMap<object, OperationOrder>();
  return ({ invocation }) => {
    if (invocation === null) return noOrder;
    let order = orders.get(invocation);
    if (order === undefined) {
      order = new WriteOrder();
      orders.set(invocation, order);
    }
    return order;
  };
}
