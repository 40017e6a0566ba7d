'use strict';

jest.setTimeout(300_000);
