/* bessel.h  What Kaiser's windows are made of */
#ifndef BL_BESSEL_H
#define BL_BESSEL_H

/* The modified Bessel function of the first kind and order 0, by its power series */
static inline double bl_bessel_i0(double x)
{
	double sum = 1, term = 1;

	for (int k = 1; k < 32; k++) {
		term *= x / (2 * k) * (x / (2 * k));
		sum += term;
	}
	return sum;
}

#endif
