/** The server's word that something about the applications has changed; what, the screens ask for themselves. */
export interface LiveChannel {
  /** Whether the word would come now. */
  readonly connected: boolean;
  /** @returns what ends it */
  subscribe(listener: () => void): () => void;
}

interface LiveApplication {
  eventBus: Pick<EventTarget, 'addEventListener' | 'removeEventListener'>;
  ws: { readonly connected: boolean };
}

const MESSAGE = 'ws:message:app-supervisor:changed';

/** The client's own WebSocket, whose messages it tells on its event bus. */
export function liveChannel({ eventBus, ws }: LiveApplication): LiveChannel {
  return {
    get connected() {
      return ws.connected;
    },
    subscribe(listener) {
      eventBus.addEventListener(MESSAGE, listener);
      return () => eventBus.removeEventListener(MESSAGE, listener);
    },
  };
}
