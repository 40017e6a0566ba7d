'use strict';

jest.setTimeout(600_000);
